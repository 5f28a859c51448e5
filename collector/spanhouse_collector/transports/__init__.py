"""OTLP as it comes: gRPC and HTTP, protobuf and JSON, compressed or not."""
