(class_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(trait_declaration name: (_) @name body: (_) @body) @trait
(enum_declaration name: (_) @name body: (_) @body) @enum
(namespace_definition name: (_) @name body: (_) @body) @namespace
(method_declaration name: (_) @name body: (_)? @body) @method
(function_definition name: (_) @name body: (_) @body) @function
(comment) @comment
(namespace_use_declaration) @import.tree
(require_once_expression (_) @import.path)
(require_expression (_) @import.path)
(include_once_expression (_) @import.path)
(include_expression (_) @import.path)
