(function_definition name: (_) @name body: (_) @body) @function
(comment) @comment
((command name: (command_name) @_call . argument: (_) @import.path) (#any-of? @_call "source" "."))
