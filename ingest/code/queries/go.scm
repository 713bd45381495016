(function_declaration name: (_) @name body: (_)? @body) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: [
  (type_identifier) @owner
  (pointer_type (type_identifier) @owner)
  (generic_type type: (type_identifier) @owner)
  (pointer_type (generic_type type: (type_identifier) @owner))])) name: (_) @name body: (_)? @body) @method
(type_declaration . (type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) .) @struct
(type_declaration . (type_spec name: (_) @name type: (interface_type "{" @body)) .) @interface
(type_declaration . (type_spec name: (_) @name type: (_)) .) @type
(type_declaration . (type_alias name: (_) @name type: (_)) .) @type
(type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) @struct
(type_spec name: (_) @name type: (interface_type "{" @body)) @interface
(type_spec name: (_) @name type: (_)) @type
(type_alias name: (_) @name type: (_)) @type
(method_elem name: (_) @name) @method
(comment) @comment
(import_spec path: (_) @import)
