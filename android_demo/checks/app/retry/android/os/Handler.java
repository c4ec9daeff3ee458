package android.os;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A main thread whose clock the test turns. */
public class Handler {
    private record Call(long due, Runnable what) {}

    private final List<Call> calls = new ArrayList<>();
    public long now;

    public boolean postDelayed(Runnable what, long milliseconds) {
        return calls.add(new Call(now + milliseconds, what));
    }

    public void removeCallbacks(Runnable what) {
        calls.removeIf(call -> call.what == what);
    }

    public boolean idle() {
        return calls.isEmpty();
    }

    /** Runs what falls due meanwhile, in order. */
    public void pass(long milliseconds) {
        long end = now + milliseconds;
        while (true) {
            Call next = calls.stream().filter(call -> call.due <= end).min(Comparator.comparing(Call::due)).orElse(null);
            if (next == null) {
                break;
            }
            calls.remove(next);
            now = next.due;
            next.what.run();
        }
        now = end;
    }
}
