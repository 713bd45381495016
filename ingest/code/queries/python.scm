; Captures: see outline.py. The first pattern that names a definition wins, so wrapped forms stand before bare ones.
(decorated_definition definition: (class_definition name: (identifier) @name ":" @open)) @class
(decorated_definition definition: (function_definition name: (identifier) @name ":" @open)) @function
(class_definition name: (identifier) @name ":" @open) @class
(function_definition name: (identifier) @name ":" @open) @function
(comment) @comment

(import_statement name: (dotted_name) @import)
(import_statement name: (aliased_import name: (dotted_name) @import))
(import_from_statement module_name: (_) @import.from name: (dotted_name) @import)
(import_from_statement module_name: (_) @import.from name: (aliased_import name: (dotted_name) @import))
(import_from_statement module_name: (_) @import (wildcard_import))
