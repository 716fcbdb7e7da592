module example.com/uprobed/routes/echo

go 1.15

require github.com/labstack/echo/v4 v4.1.16

require example.com/uprobed/routes/serving v0.0.0

replace example.com/uprobed/routes/serving => ../serving
