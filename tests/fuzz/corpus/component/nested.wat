(component
  (component $inner
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))
  (instance $one (instantiate $inner))
  (instance $two (instantiate $inner))
  (export "testops:datasource/datasource@0.1.0" (instance $one))
  (export "two" (instance $two)))
