(template_declaration (class_specifier name: (_) @name body: (_) @body)) @class
(template_declaration (struct_specifier name: (_) @name body: (_) @body)) @struct
(template_declaration (union_specifier name: (_) @name body: (_) @body)) @union
(template_declaration (concept_definition name: (_) @name)) @type
(template_declaration (alias_declaration name: (_) @name)) @type
(template_declaration (function_definition declarator: (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier) (operator_name) (destructor_name) (template_function)] @name)
  [(compound_statement) (try_statement) (field_initializer_list) (default_method_clause) (delete_method_clause)] @body)) @function
(template_declaration (function_definition declarator: (_ (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier) (operator_name)] @name)) body: (_) @body)) @function

(function_definition declarator: (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier) (operator_name) (destructor_name) (template_function)] @name)
  [(compound_statement) (try_statement) (field_initializer_list) (default_method_clause) (delete_method_clause)] @body) @function
(function_definition declarator: (_ (function_declarator declarator: [
  (qualified_identifier) (operator_name)] @name)) body: (_) @body) @function
(function_definition declarator: (_ (_ (function_declarator declarator: (qualified_identifier) @name))) body: (_) @body) @function
(function_definition declarator: (operator_cast) @name body: (_) @body) @function
(function_definition declarator: (qualified_identifier name: (operator_cast)) @name body: (_) @body) @function
(class_specifier name: (_) @name body: (_) @body) @class
(namespace_definition name: (_) @name body: (_) @body) @namespace
(namespace_definition !name body: (_) @body (#set! title "namespace")) @namespace

; members that a class declares and another file defines
(field_declaration declarator: (function_declarator declarator: [(field_identifier) (operator_name)] @name)) @method
(field_declaration declarator: (_ (function_declarator declarator: [(field_identifier) (operator_name)] @name))) @method
(field_declaration_list (declaration declarator: (function_declarator declarator: [
  (identifier) (destructor_name) (operator_name)] @name)) @method)
(alias_declaration name: (_) @name) @type
(concept_definition name: (_) @name) @type
