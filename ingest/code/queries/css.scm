(rule_set (selectors) @name (block) @body) @rule
(media_statement (block) @body) @rule
(supports_statement (block) @body) @rule
(keyframes_statement (keyframe_block_list) @body) @rule
(at_rule (block) @body) @rule
(comment) @comment
(import_statement (string_value) @import)
(import_statement (call_expression (arguments (_) @import)))
