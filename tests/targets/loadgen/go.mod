module example.com/uprobed/loadgen

go 1.19
