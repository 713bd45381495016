(class_definition name: (_) @name body: (_)? @body) @class
(object_definition name: (_) @name body: (_)? @body) @object
(package_object name: (_) @name body: (_)? @body) @object
(trait_definition name: (_) @name body: (_)? @body) @trait
(enum_definition name: (_) @name body: (_)? @body) @enum
(function_definition name: (_) @name body: (_)? @body) @function
(function_declaration name: (_) @name) @function
(given_definition name: (_) @name body: (_)? @body) @object
(extension_definition body: (_) @body (#set! title "extension")) @object
(type_definition name: (_) @name) @type
(comment) @comment
(block_comment) @comment
(import_declaration) @import.tree
