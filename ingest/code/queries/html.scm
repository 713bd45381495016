((element (start_tag (tag_name) @callee) . (text) @name) @heading (#set! callee "h1 h2 h3 h4 h5 h6"))
((script_element (start_tag (attribute (attribute_name) @callee
  (quoted_attribute_value (attribute_value) @import)))) (#set! callee "src"))
