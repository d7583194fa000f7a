"""Simulated studies with a known truth, one module per question: do the answers hold what they promise?"""
