module example.com/uprobed/routes/serving

go 1.15
