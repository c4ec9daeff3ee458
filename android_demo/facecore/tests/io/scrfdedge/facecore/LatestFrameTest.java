package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Test;

public class LatestFrameTest {
    private final List<Integer> released = Collections.synchronizedList(new ArrayList<>());
    private final LatestFrame<Integer> queue = new LatestFrame<>(released::add);

    @Test
    public void theNewestIsKeptAndTheOthersAreReleased() throws InterruptedException {
        queue.put(1);
        queue.put(2);
        queue.put(3);
        assertEquals(3, (int) queue.take());
        assertEquals(Arrays.asList(1, 2), released);
        assertEquals(2, queue.dropped());
    }

    @Test
    public void closeReleasesWhatIsKeptAndWhatComesLater() throws InterruptedException {
        queue.put(1);
        queue.close();
        queue.close();
        queue.put(2);
        assertEquals(Arrays.asList(1, 2), released);
        assertNull(queue.take());
    }

    @Test(timeout = 10_000)
    public void closeWakesWhoWaits() throws InterruptedException {
        Thread consumer = new Thread(() -> {
            try {
                assertNull(queue.take());
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
            released.add(-1);
        });
        consumer.start();
        queue.close();
        consumer.join();
        assertEquals(Collections.singletonList(-1), released);
    }

    /** The camera never waits for a slow consumer, and no frame is lost or released twice. */
    @Test(timeout = 30_000)
    public void everyFrameIsTakenOnceOrReleasedOnce() throws InterruptedException {
        int count = 20_000;
        AtomicInteger taken = new AtomicInteger();
        AtomicInteger last = new AtomicInteger(-1);
        Thread consumer = new Thread(() -> {
            try {
                for (Integer frame = queue.take(); frame != null; frame = queue.take()) {
                    taken.incrementAndGet();
                    assertTrue(frame > last.getAndSet(frame));
                }
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
        });
        consumer.start();
        for (int i = 0; i < count; i++) {
            queue.put(i);
        }
        queue.close();
        consumer.join();
        assertEquals(count, taken.get() + released.size());
        assertEquals(released.size(), queue.dropped());
    }
}
