module example.com/uprobed/failures

go 1.15
