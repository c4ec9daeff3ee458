// Exact versions only. Both modules are Java: the Kotlin that AGP 9 brings along compiles nothing here.
plugins {
    id("com.android.application") version "9.2.1" apply false
    id("com.android.library") version "9.2.1" apply false
}
