"""The dialects: `barrier`, `task`, `mgmt_dma`. Import the modules; this package exports nothing."""
