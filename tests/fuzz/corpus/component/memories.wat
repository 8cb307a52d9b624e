(component
  (core module $m
    (memory (export "memory") 65536)
    (table (export "table") 100000 funcref)
    (func (export "f") (result i32) (memory.grow (i32.const 65535))))
  (core instance (instantiate $m))
  (core instance (instantiate $m)))
