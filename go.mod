module backline

go 1.26
