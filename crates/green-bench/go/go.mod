module green-bench

go 1.19
