; What JavaScript and TypeScript share.
(export_statement declaration: (class_declaration name: (_) @name body: (_) @body)) @class
(export_statement declaration: (function_declaration name: (_) @name body: (_) @body)) @function
(export_statement declaration: (generator_function_declaration name: (_) @name body: (_) @body)) @function
(export_statement declaration: (lexical_declaration
  . (variable_declarator name: (identifier) @name value: [
    (arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) .)) @function
(export_statement declaration: (lexical_declaration
  . (variable_declarator name: (identifier) @name value: (class body: (_) @body)) .)) @class
(export_statement value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)] (#set! title "default")) @function
(export_statement value: (class body: (_) @body) (#set! title "default")) @class

(class_declaration name: (_) @name body: (_) @body) @class
(function_declaration name: (_) @name body: (_) @body) @function
(generator_function_declaration name: (_) @name body: (_) @body) @function
(method_definition name: (_) @name body: (_) @body) @method
(lexical_declaration . (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) .) @function
(variable_declaration . (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) .) @function
(variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class
(assignment_expression left: (member_expression) @name right: [
  (arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function
(assignment_expression left: (member_expression) @name right: (class body: (_) @body)) @class
(pair key: (_) @name value: [
  (arrow_function body: (statement_block) @body) (function_expression body: (_) @body)]) @method

(comment) @comment
(decorator) @attribute

(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: (import) arguments: (arguments . (string) @import))
((call_expression function: (identifier) @callee arguments: (arguments . (string) @import)) (#set! callee "require"))
