import javax.inject.Inject

plugins {
    id("com.android.application")
}

android {
    namespace = "io.scrfdedge.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "io.scrfdedge.demo"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    androidResources {
        noCompress += "tflite" // mapped from the package, not unpacked
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

dependencies {
    implementation(project(":facecore"))
    implementation("com.google.ai.edge.litert:litert:2.3.0")
    implementation("com.google.ai.edge.litert:litert-gpu:2.3.0")
}

/** Copies the networks from where README.md has the converter put them into the assets, as models/NAME.tflite. */
abstract class CopyModels @Inject constructor(private val files: FileSystemOperations) : DefaultTask() {
    @get:InputFiles
    @get:PathSensitive(PathSensitivity.NAME_ONLY)
    abstract val models: ConfigurableFileCollection

    @get:Input
    abstract val folder: Property<String>

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @TaskAction
    fun copy() {
        if (models.isEmpty) {
            throw GradleException(
                "No network for the app: expected *.tflite in ${folder.get()}, found none. Make one in the " +
                    "repository's root: mkdir -p build/tflite && scrfd-edge convert " +
                    "scrfd_edge/weights/scrfd_500m_kps.onnx --to tflite --size 320x320 --precision fp16 " +
                    "--out build/tflite/scrfd_500m_kps_320.tflite"
            )
        }
        files.sync {
            from(models)
            into(assets.dir("models"))
        }
    }
}

val converted = rootDir.resolve("../build/tflite").canonicalFile
val copyModels = tasks.register<CopyModels>("copyModels") {
    models.from(fileTree(converted) { include("*.tflite") })
    folder = converted.path
}

androidComponents {
    onVariants { variant ->
        variant.sources.assets?.addGeneratedSourceDirectory(copyModels, CopyModels::assets)
    }
}
