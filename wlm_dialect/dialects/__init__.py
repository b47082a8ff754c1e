"""The dialects: `barrier`, `task`, `mgmt_dma`, `vta`. Import the modules; this package exports nothing."""
