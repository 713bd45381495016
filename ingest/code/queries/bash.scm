(function_definition name: (_) @name body: (_) @body) @function
(comment) @comment
((command name: (command_name) @callee . argument: (_) @import.path) (#set! callee "source ."))
