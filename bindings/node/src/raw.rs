//! Functions registered without generated wrappers: an empty one costs 13 ns, and two of ours are called that often.

use std::ffi::c_void;
use std::ptr;

use napi::{Env, sys};

use crate::error::Result;

/// A function that owns `data` until it is collected. At most `ARGUMENTS` arguments reach it.
pub(crate) fn function<'env, T: 'static, B: Call<T>>(env: &'env Env, data: T) -> Result<napi::Unknown<'env>> {
    let failed = |status| napi::Error::new("panic".to_owned(), crate::error::panic_facts(Some(status)));
    let data = Box::into_raw(Box::new(data)).cast::<c_void>();
    let mut value = ptr::null_mut();
    // SAFETY: `data` lives until `drop_data`, which runs when the function is collected (or here, if it was
    // never made); the name may be absent.
    unsafe {
        if sys::napi_create_function(env.raw(), ptr::null(), 0, Some(enter::<T, B>), data, &mut value)
            != sys::Status::napi_ok
        {
            drop(Box::from_raw(data.cast::<T>()));
            return Err(failed("napi_create_function"));
        }
        if sys::napi_add_finalizer(
            env.raw(),
            value,
            data,
            Some(drop_data::<T>),
            ptr::null_mut(),
            ptr::null_mut(),
        ) != sys::Status::napi_ok
        {
            // The function may be called still, so what it points to is leaked, not freed.
            return Err(failed("napi_add_finalizer"));
        }
        napi::bindgen_prelude::FromNapiValue::from_napi_value(env.raw(), value)
            .map_err(|_| failed("from_napi_value"))
    }
}

/// What a typed array may hold here.
pub(crate) trait Element {
    const KIND: sys::napi_typedarray_type;
}

impl Element for f64 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::float64_array;
}

impl Element for u32 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::uint32_array;
}

/// The elements of a typed array; none of anything else.
///
/// # Safety
/// `value` is a handle of this call; the result is used before the call ends.
pub(crate) unsafe fn typed<'a, T: Element>(env: sys::napi_env, value: sys::napi_value) -> &'a [T] {
    let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
    // SAFETY: nobody else runs JavaScript on this thread meanwhile, and an array of that kind holds such elements.
    unsafe {
        let status = sys::napi_get_typedarray_info(
            env,
            value,
            &mut kind,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        if status != sys::Status::napi_ok || kind != T::KIND || data.is_null() {
            return &[];
        }
        std::slice::from_raw_parts(data.cast::<T>(), length)
    }
}

/// A raw function's body.
pub(crate) trait Call<T> {
    /// How many arguments it takes at the most.
    const ARGUMENTS: usize;

    /// The call; it must not panic.
    ///
    /// # Safety
    /// `env` is the environment of this call, and `arguments` are its handles.
    unsafe fn call(env: sys::napi_env, arguments: &[sys::napi_value], data: &T) -> sys::napi_value;
}

unsafe extern "C" fn enter<T: 'static, B: Call<T>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); 4];
    let mut count = B::ARGUMENTS.min(arguments.len());
    let mut data = ptr::null_mut();
    // SAFETY: `data` is what `function` registered, alive as long as the function that is being called.
    unsafe {
        let status = sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            if B::ARGUMENTS == 0 { ptr::null_mut() } else { arguments.as_mut_ptr() },
            ptr::null_mut(),
            &mut data,
        );
        if status != sys::Status::napi_ok || data.is_null() {
            return ptr::null_mut();
        }
        B::call(env, &arguments[..B::ARGUMENTS.min(4)], &*data.cast::<T>())
    }
}

unsafe extern "C" fn drop_data<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `function`, and finalized once.
    drop(unsafe { Box::from_raw(data.cast::<T>()) });
}
