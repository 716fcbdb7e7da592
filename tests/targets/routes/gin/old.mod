module example.com/uprobed/routes/gin

go 1.15

require github.com/gin-gonic/gin v1.7.7

require example.com/uprobed/routes/serving v0.0.0

replace example.com/uprobed/routes/serving => ../serving
