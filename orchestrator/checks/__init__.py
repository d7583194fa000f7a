"""May this run start, and did a finished one keep training and test apart?"""
