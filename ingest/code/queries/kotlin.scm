; In this grammar interfaces are class declarations, told apart by their keyword.
(class_declaration "interface" name: (_) @name (class_body)? @body) @interface
(class_declaration name: (_) @name [(class_body) (enum_class_body)]? @body) @class
(object_declaration name: (_) @name (class_body)? @body) @object
(companion_object name: (_) @name (class_body)? @body) @object
(companion_object !name (class_body)? @body (#set! title "companion")) @object
(secondary_constructor "constructor" @name (block)? @body) @method
(function_declaration name: (_) @name (function_body)? @body) @function
(type_alias type: (_) @name) @type
(line_comment) @comment
(block_comment) @comment
(import (qualified_identifier) @import . "." . "*" (#set! suffix ".*"))
(import (qualified_identifier) @import)
