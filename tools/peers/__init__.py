"""The engines that tools/compare_peers measures, one module each, and what they share."""
