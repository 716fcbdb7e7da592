module example.com/uprobed/hello

go 1.15
