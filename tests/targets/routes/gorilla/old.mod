module example.com/uprobed/routes/gorilla

go 1.15

require github.com/gorilla/mux v1.8.0

require example.com/uprobed/routes/serving v0.0.0

replace example.com/uprobed/routes/serving => ../serving
