(module name: (_) @name (#set! header "line")) @module
(class name: (_) @name superclass: (_)? @open (#set! header "line")) @class
(singleton_class value: (_) @name (#set! header "line")) @class
(method name: (_) @name parameters: (_)? @open (#set! header "line")) @method
(singleton_method name: (_) @name parameters: (_)? @open (#set! header "line")) @method
(comment) @comment
((call !receiver method: (identifier) @callee arguments: (argument_list . (string (string_content) @import)))
  (#set! callee "require load require_dependency"))
((call !receiver method: (identifier) @callee arguments: (argument_list . (string (string_content) @import)))
  (#set! callee "require_relative") (#set! prefix "./"))
