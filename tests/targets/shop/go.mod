module example.com/uprobed/demo

go 1.19
