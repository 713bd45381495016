((element (start_tag (tag_name) @_tag) . (text) @name) (#match? @_tag "^[hH][1-6]$")) @heading
(script_element (start_tag (attribute (attribute_name) @_a (quoted_attribute_value (attribute_value) @import))) (#eq? @_a "src"))
