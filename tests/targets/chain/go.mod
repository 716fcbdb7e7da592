module example.com/uprobed/chain

go 1.15
