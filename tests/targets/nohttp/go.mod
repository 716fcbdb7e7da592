module example.com/uprobed/nohttp

go 1.19
