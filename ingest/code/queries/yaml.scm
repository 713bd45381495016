((document) @document (#set! number "document") (#set! header "line"))
(document (block_node (block_mapping (block_mapping_pair key: (_) @name (#set! header "line")) @key)))
(document (block_node (block_mapping (block_mapping_pair
  value: (block_node (block_mapping (block_mapping_pair key: (_) @name (#set! header "line")) @key))))))
(document (block_node (block_mapping (block_mapping_pair
  value: (flow_node (flow_mapping (flow_pair key: (_) @name (#set! header "line")) @key))))))
(document (flow_node (flow_mapping (flow_pair key: (_) @name (#set! header "line")) @key)))
(comment) @comment
