@rem Runs the Gradle of gradle\wrapper\gradle-wrapper.properties, downloaded once and checked against its SHA-256.
@echo off
setlocal
set JAR=%~dp0gradle\wrapper\gradle-wrapper.jar
if not exist "%JAR%" (
    echo %JAR% is missing: README.md, "Build and install", has the command for it. 1>&2
    exit /b 1
)
set JAVA=java
if defined JAVA_HOME set JAVA=%JAVA_HOME%\bin\java
"%JAVA%" -Dorg.gradle.appname=gradlew -classpath "%JAR%" org.gradle.wrapper.GradleWrapperMain --project-dir "%~dp0." %*
