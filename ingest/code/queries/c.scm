; Definitions only: a prototype or "struct x *p" defines nothing.
(function_definition declarator: (function_declarator declarator: [
  (identifier) (field_identifier)] @name)
  body: (_) @body) @function
(function_definition declarator: (_ (function_declarator declarator: [
  (identifier) (field_identifier)] @name)) body: (_) @body) @function
(function_definition declarator: (_ (_ (function_declarator declarator: [
  (identifier) (field_identifier)] @name))) body: (_) @body) @function
(function_definition declarator: (function_declarator declarator: (parenthesized_declarator
  (pointer_declarator (function_declarator declarator: (identifier) @name)))) body: (_) @body) @function

(type_definition type: (struct_specifier body: (_) @body) declarator: (type_identifier) @name) @struct
(type_definition type: (union_specifier body: (_) @body) declarator: (type_identifier) @name) @union
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @enum
(struct_specifier name: (_) @name body: (_) @body) @struct
(union_specifier name: (_) @name body: (_) @body) @union
(enum_specifier name: (_) @name body: (_) @body) @enum
(preproc_function_def name: (_) @name value: (_)? @body) @macro
(comment) @comment
(preproc_include path: (_) @import)
