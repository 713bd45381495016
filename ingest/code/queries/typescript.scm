(export_statement declaration: (abstract_class_declaration name: (_) @name body: (_) @body)) @class
(export_statement declaration: (interface_declaration name: (_) @name body: (_) @body)) @interface
(export_statement declaration: (enum_declaration name: (_) @name body: (_) @body)) @enum
(export_statement declaration: (type_alias_declaration name: (_) @name value: (_) @body)) @type
(export_statement declaration: (function_signature name: (_) @name)) @function
(export_statement declaration: (internal_module name: (_) @name body: (_) @body)) @namespace
(export_statement (ambient_declaration (class_declaration name: (_) @name body: (_) @body))) @class
(export_statement (ambient_declaration (function_signature name: (_) @name))) @function
(export_statement (ambient_declaration (internal_module name: (_) @name body: (_) @body))) @namespace
(ambient_declaration (class_declaration name: (_) @name body: (_) @body)) @class
(ambient_declaration (abstract_class_declaration name: (_) @name body: (_) @body)) @class
(ambient_declaration (interface_declaration name: (_) @name body: (_) @body)) @interface
(ambient_declaration (enum_declaration name: (_) @name body: (_) @body)) @enum
(ambient_declaration (function_signature name: (_) @name)) @function
(ambient_declaration (module name: (_) @name body: (_) @body)) @namespace
(ambient_declaration (internal_module name: (_) @name body: (_) @body)) @namespace
(ambient_declaration . "global" . (statement_block) @body (#set! title "global")) @namespace

(abstract_class_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(type_alias_declaration name: (_) @name value: (_) @body) @type
(function_signature name: (_) @name) @function
(method_signature name: (_) @name) @method
(abstract_method_signature name: (_) @name) @method
(module name: (_) @name body: (_) @body) @namespace
(internal_module name: (_) @name body: (_) @body) @namespace
(public_field_definition name: (_) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method

(import_require_clause source: (string) @import)
