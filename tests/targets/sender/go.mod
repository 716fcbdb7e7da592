module example.com/uprobed/sender

go 1.15
