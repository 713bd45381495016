(create_table (object_reference) @name (column_definitions)? @body) @table
(create_view (object_reference) @name (create_query)? @body) @view
(create_materialized_view (object_reference) @name (create_query)? @body) @view
(create_function (object_reference) @name (function_body)? @body) @function
(create_procedure (object_reference) @name (procedure_body)? @body) @function
(create_trigger . (keyword_create) (object_reference) @name) @trigger
(create_type (object_reference) @name) @type
(comment) @comment
(marginalia) @comment
