module example.com/uprobed/gin

go 1.15

require github.com/gin-gonic/gin v1.7.7
