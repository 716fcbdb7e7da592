module example.com/uprobed/routes/chi

go 1.26

require github.com/go-chi/chi/v5 v5.5.0

require example.com/uprobed/routes/serving v0.0.0

replace example.com/uprobed/routes/serving => ../serving
