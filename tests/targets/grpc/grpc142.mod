module example.com/uprobed/grpc

go 1.14

require (
	google.golang.org/grpc v1.42.0
	google.golang.org/protobuf v1.27.1
)
