(class_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(record_declaration name: (_) @name body: (_) @body) @record
(annotation_type_declaration name: (_) @name body: (_) @body) @interface
(constructor_declaration name: (_) @name body: (_) @body) @method
(compact_constructor_declaration name: (_) @name body: (_) @body) @method
(method_declaration name: (_) @name body: (_)? @body) @method
(annotation_type_element_declaration name: (_) @name) @method
(line_comment) @comment
(block_comment) @comment
(import_declaration [(scoped_identifier) (identifier)] @import . (asterisk) (#set! suffix ".*"))
(import_declaration [(scoped_identifier) (identifier)] @import .)
