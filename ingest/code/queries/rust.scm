(struct_item name: (_) @name body: (_)? @body) @struct
(enum_item name: (_) @name body: (_) @body) @enum
(union_item name: (_) @name body: (_) @body) @union
(trait_item name: (_) @name body: (_) @body) @trait
(impl_item trait: (_) @implemented type: (_) @name body: (_)? @body) @impl
(impl_item type: (_) @name body: (_)? @body) @impl
(mod_item name: (_) @name body: (_) @body) @module
(function_item name: (_) @name body: (_) @body) @function
(function_signature_item name: (_) @name) @function
(macro_definition name: (_) @name "{"? @body) @macro
(type_item name: (_) @name) @type
(line_comment) @comment
(block_comment) @comment
(attribute_item) @attribute

(use_declaration argument: (_) @import.tree)
(extern_crate_declaration name: (_) @import)
((mod_item name: (_) @import !body) (#set! prefix "self::"))
