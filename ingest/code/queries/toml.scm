(table . [(bare_key) (dotted_key) (quoted_key)] @name . "]" @open) @table
(table_array_element . [(bare_key) (dotted_key) (quoted_key)] @name . "]]" @open) @table
(comment) @comment
