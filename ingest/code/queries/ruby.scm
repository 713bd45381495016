(module name: (_) @name) @module
(class name: (_) @name) @class
(singleton_class value: (_) @name) @class
(method name: (_) @name) @method
(singleton_method name: (_) @name) @method
(comment) @comment
((call !receiver method: (identifier) @_call arguments: (argument_list . (string (string_content) @import)))
  (#any-of? @_call "require" "load" "require_dependency"))
((call !receiver method: (identifier) @_call arguments: (argument_list . (string (string_content) @import)))
  (#eq? @_call "require_relative") (#set! prefix "./"))
