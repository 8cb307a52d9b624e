(component
  (core module $m
    (memory (export "memory") 1)
    (table 4 funcref)
    (global $g (mut i32) (i32.const 7))
    (func $f (export "f") (param i32) (result i32)
      (local i64 f64)
      (block $b (loop $l (br_if $b (i32.eqz (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br $l)))
      (i32.add (global.get $g) (i32.load offset=16 (i32.const 0))))
    (elem (i32.const 0) $f)
    (data (i32.const 16) "data"))
  (core instance $i (instantiate $m))
  (func (export "f") (param "n" s32) (result s32) (canon lift (core func $i "f"))))
