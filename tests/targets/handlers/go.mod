module example.com/uprobed/handlers

go 1.15
